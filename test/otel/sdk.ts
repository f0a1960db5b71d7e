import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterAll, afterEach } from "vitest";

/** One measurement of one instrument. */
export interface Measured {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: unknown;
  readonly unit: string;
}

/** The real SDK, which keeps what it is given in memory. */
export interface Sdk {
  /** Spans that have ended, in the order in which they did. */
  readonly spans: () => readonly ReadableSpan[];
  /** The only span of that name. */
  readonly span: (name: string) => ReadableSpan;
  readonly measured: () => Promise<readonly Measured[]>;
}

/** Registers the SDK for the file, and forgets after each test. */
export function registerSdk(sampler?: Sampler): Sdk {
  const spans = new InMemorySpanExporter();
  const measures = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  const reader = new PeriodicExportingMetricReader({ exporter: measures, exportIntervalMillis: 3_600_000 });
  const processor = new SimpleSpanProcessor({ exporter: spans });
  const tracers = new TracerProvider({
    spanProcessors: [processor],
    ...(sampler === undefined ? {} : { sampler }),
  });
  const meters = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);

  afterEach(async () => {
    await meters.forceFlush();
    measures.reset();
    spans.reset();
  });
  afterAll(async () => {
    for (const api of [context, trace, metrics]) api.disable();
    await Promise.all([tracers.shutdown(), meters.shutdown()]);
  });

  return {
    spans: () => spans.getFinishedSpans(),
    span: (name) => {
      const found = spans.getFinishedSpans().filter((span) => span.name === name);
      if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} spans are called ${name}`);
      return found[0];
    },
    measured: async () => {
      await meters.forceFlush();
      return measures
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({
            name: descriptor.name,
            unit: descriptor.unit,
            attributes,
            value,
          })),
        );
    },
  };
}
