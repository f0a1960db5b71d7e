import { OpenRedaction } from "@openredaction/core";
import type { Peer } from "./tool.js";

/** Its patterns that stand for a kind of ours. It has some 500 more: names, dates, licence plates, order numbers. */
const PATTERNS: ReadonlyMap<string, string> = new Map([
  ["EMAIL", "email"],
  ["PHONE_UK_MOBILE", "phone"],
  ["PHONE_UK", "phone"],
  ["PHONE_US", "phone"],
  ["PHONE_INTERNATIONAL", "phone"],
  ["PHONE_LINE_NUMBER", "phone"],
  ["CREDIT_CARD", "payment_card"],
  ["IBAN", "iban"],
  ["UK_BANK_ACCOUNT_IBAN", "iban"],
  ["PRIVATE_KEY", "private_key"],
  ["SSH_PRIVATE_KEY", "private_key"],
  ["AWS_ACCESS_KEY", "aws_access_key_id"],
  ["AWS_SECRET_KEY", "aws_secret_access_key"],
  ["GOOGLE_API_KEY", "google_api_key"],
  ["FIREBASE_API_KEY", "google_api_key"],
  ["AZURE_STORAGE_KEY", "azure_account_key"],
  ["GITHUB_TOKEN", "github_token"],
  ["NPM_TOKEN", "npm_token"],
  ["PYPI_TOKEN", "pypi_token"],
  ["SLACK_TOKEN", "slack_token"],
  ["SLACK_WEBHOOK", "slack_webhook"],
  ["STRIPE_API_KEY", "stripe_key"],
  ["TWILIO_API_KEY", "twilio_key"],
  ["SENDGRID_API_KEY", "sendgrid_key"],
  ["OPENAI_API_KEY", "openai_key"],
  ["JWT_TOKEN", "jwt"],
  ["BEARER_TOKEN", "bearer_token"],
  ["DATABASE_CONNECTION", "connection_string"],
  ["URL_WITH_AUTH", "connection_string"],
  ["GENERIC_SECRET", "password_assignment"],
  ["GENERIC_API_KEY", "password_assignment"],
  ["OAUTH_CLIENT_SECRET", "password_assignment"],
]);

const detector = new OpenRedaction();

/** With every option as it comes: all its patterns, judged by what stands around a match. It asks no service. */
export const openredaction: Peer = {
  name: "openredaction",
  claims: new Set(PATTERNS.values()),
  reports: "places",
  ours: ({ kind }) => PATTERNS.get(kind),
  find: async (text) => {
    const { detections } = await detector.detect(text);
    return detections.map(({ type, position: [start, end] }) => ({ kind: type, start, end }));
  },
};
