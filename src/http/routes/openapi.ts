import { OPENAPI_DOCUMENT } from "../openapi.js";
import { jsonAnswer } from "../problem.js";

/** `GET /openapi.json`: what is served here, as data. */
export async function getDocument(): Promise<Response> {
  return jsonAnswer(200, OPENAPI_DOCUMENT);
}
