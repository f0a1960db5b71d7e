/** The parts of `@opentelemetry/api` that are used: structural types, so none of the package's is public. */
export interface Api {
  readonly context: {
    readonly active: () => Context;
    readonly with: (context: Context, work: () => void) => unknown;
  };
  readonly trace: {
    readonly getTracer: (name: string) => Tracer;
    readonly setSpan: (context: Context, span: Span) => Context;
    readonly isSpanContextValid: (context: SpanContext) => boolean;
  };
  readonly metrics: { readonly getMeter: (name: string) => Meter };
}

/** Whatever carries the active span. */
export type Context = object;

/** Values of one span or measurement; undefined ones are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | string[] | undefined>>;

export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly traceState?: { readonly serialize: () => string };
}

export interface Span {
  spanContext(): SpanContext;
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string, attributes: Attributes): unknown;
  setStatus(status: { readonly code: number }): unknown;
  end(): void;
}

export interface Tracer {
  startSpan(
    name: string,
    options: { readonly attributes?: Attributes; readonly startTime?: number },
    parent: Context,
  ): Span;
}

export interface Meter {
  createCounter(name: string, options: InstrumentOptions): { add(count: number, attributes: Attributes): void };
  createHistogram(name: string, options: InstrumentOptions): Histogram;
}

export interface Histogram {
  record(value: number, attributes: Attributes): void;
}

interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

/** `@opentelemetry/api` is an optional peer: it could not be loaded. Only {@link openTelemetry} throws this. */
export class TelemetryError extends Error {
  static readonly code = "telemetry_api_missing";
  readonly code = "telemetry_api_missing";
  readonly help = "run `npm install @opentelemetry/api`, or leave the gate's `telemetry` out";

  constructor(cause: unknown) {
    super("the package `@opentelemetry/api` could not be loaded", { cause });
    this.name = "TelemetryError";
  }
}

/** Loads the package, when telemetry is opened and not before. */
export async function loadApi(): Promise<Api> {
  try {
    const loaded = (await import("@opentelemetry/api" as string)) as { readonly default: Api };
    return loaded.default;
  } catch (cause) {
    throw new TelemetryError(cause);
  }
}
