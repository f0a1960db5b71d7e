export type { Telemetry } from "./gate/telemetry.js";
export { TelemetryError } from "./otel/api.js";
export { openTelemetry } from "./otel/open-telemetry.js";
