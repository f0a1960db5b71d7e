import { Validator } from "@seriousme/openapi-schema-validator";
import { createMemoryStore } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { OPENAPI_DOCUMENT } from "../../src/http/openapi.js";
import { ROUTES } from "../../src/http/routes.js";
import { ALLOW_ALL, open } from "../gate/open.js";
import { ask, handlerFor } from "./ask.js";

type SpecData = Exclude<Parameters<Validator["validate"]>[0], string>;

const openHandler = async (): Promise<ReturnType<typeof handlerFor>> =>
  handlerFor(await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch: () => 1 }));

test("the document is one of OpenAPI 3.1", async () => {
  const validated = await new Validator().validate(structuredClone(OPENAPI_DOCUMENT) as SpecData);
  expect(validated.errors ?? []).toEqual([]);
  expect(validated.valid).toBe(true);
});

test("the control: a document with a parameter that is nowhere is none", async () => {
  const broken = structuredClone(OPENAPI_DOCUMENT) as unknown as {
    paths: Record<string, { get: { parameters: unknown } }>;
  };
  (broken.paths["/api/v1/approvals"] as { get: { parameters: unknown } }).get.parameters = [
    { name: "x", in: "nowhere" },
  ];
  expect((await new Validator().validate(broken as unknown as SpecData)).valid).toBe(false);
});

test("the document has every route, and no other", () => {
  const told = Object.entries(OPENAPI_DOCUMENT.paths as Readonly<Record<string, object>>).flatMap(
    ([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = ROUTES.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  expect(told.sort()).toEqual(served.sort());
});

test("the document is served to anybody", async () => {
  const { status, json } = await ask(await openHandler(), "GET /openapi.json", { as: null });
  expect([status, json]).toEqual([200, OPENAPI_DOCUMENT]);
});
