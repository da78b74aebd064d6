// CloudWatch's metrics of the functions that are watched, a point a minute.

const MINUTE = 60_000;
const LATE_MINUTES = 5; // a minute's point still changes for so long
const MOST_QUERIES = 500; // in one call: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
const MOST_PAGES = 10;

// Of a minute with fewer than a hundred streams the slowest is the p99.
const OF_ALIAS = {
  invocations: ["Invocations", "Sum"],
  errors: ["Errors", "Sum"],
  throttles: ["Throttles", "Sum"],
  requests: ["UrlRequestCount", "Sum"],
  errors5xx: ["Url5xxCount", "Sum"],
  streams: ["ConcurrentExecutions", "Maximum"],
  slowestMs: ["Duration", "Maximum"],
};

// What our runtime writes of each stream, for the alias too; code on other runtimes writes none. OpenTelemetry's unit is the second.
const OF_RUNTIME = {
  firstTokenP50Ms: ["gen_ai.server.time_to_first_token", "p50", 1000],
  firstTokenP90Ms: ["gen_ai.server.time_to_first_token", "p90", 1000],
  firstTokenP99Ms: ["gen_ai.server.time_to_first_token", "p99", 1000],
  tokensPerSecond: ["TokensPerSecond", "p50"],
  completed: ["Completed", "Sum"],
  errored: ["Errored", "Sum"],
  truncated: ["Truncated", "Sum"],
  cancelled: ["Cancelled", "Sum"],
  deadline: ["Deadline", "Sum"],
};

/** What to ask for: one query a number, in the order of `names`. */
export function queries(watched) {
  return watched.flatMap(({ label, function: name, alias }) => {
    const Dimensions = [
      { Name: "FunctionName", Value: name },
      { Name: "Resource", Value: `${name}:${alias}` },
    ];
    const named = (Namespace, metrics) =>
      Object.entries(metrics).map(([key, [MetricName, Stat, factor]]) => [key, { Namespace, MetricName, Dimensions }, Stat, factor]);
    const asked = [...named("AWS/Lambda", OF_ALIAS), ...named("StreamingLambda", OF_RUNTIME)];
    // From the function's system log, by StreamLogMetrics: its records name no alias.
    asked.push(["slowestFirstByteMs", { Namespace: "StreamingLambda", MetricName: `TimeToFirstByte/${name}` }, "Maximum"]);
    return asked.map(([key, Metric, Stat, factor = 1]) => ({ label, key, factor, MetricStat: { Metric, Period: 60, Stat } }));
  });
}

/**
 * @param get Sends a GetMetricData.
 * @param minutes How much history the first poll brings.
 */
export function metricsSource({ get, watched, minutes, everyMs }) {
  const asked = queries(watched);
  if (asked.length > MOST_QUERIES) throw new Error(`${watched.length} functions are more than one call asks for`);
  const sent = new Map();
  let first = true;

  async function poll(now) {
    const minute = Math.floor(now / MINUTE) * MINUTE;
    const request = {
      MetricDataQueries: asked.map(({ MetricStat }, index) => ({ Id: `m${index}`, MetricStat })),
      StartTime: new Date(minute - (first ? Math.max(minutes, LATE_MINUTES) : LATE_MINUTES) * MINUTE),
      EndTime: new Date(minute + MINUTE),
      ScanBy: "TimestampAscending",
    };
    const points = new Map(watched.map(({ label }) => [label, new Map()]));
    let NextToken;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await get({ ...request, NextToken });
      for (const { Id, Timestamps = [], Values = [] } of answer.MetricDataResults ?? []) {
        const { label, key, factor } = asked[Number(Id.slice(1))];
        Timestamps.forEach((time, index) => {
          const at = points.get(label);
          if (!at.has(+time)) at.set(+time, {});
          at.get(+time)[key] = Values[index] * factor;
        });
      }
      NextToken = answer.NextToken;
      if (!NextToken) break;
    }
    const events = [];
    for (const [label, at] of points) {
      const changed = [...at].sort(([one], [other]) => one - other).map(([time, values]) => ({ time, ...values }));
      const fresh = changed.filter((point) => {
        const key = `${label} ${point.time}`;
        const text = JSON.stringify(point);
        if (sent.get(key) === text) return false;
        sent.set(key, text);
        return true;
      });
      if (first || fresh.length > 0) events.push({ name: "metrics", data: { label, points: fresh } });
    }
    first = false;
    return events;
  }

  return { name: "metrics", everyMs, poll };
}
