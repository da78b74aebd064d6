// The alarms of the functions that are watched: all states at first, then whenever one changes.

const MOST_PAGES = 10;

/** @param describe Sends a DescribeAlarms. */
export function alarmsSource({ describe, watched, everyMs }) {
  const prefixes = new Map();
  for (const { label, alarms } of watched) if (alarms) prefixes.set(alarms, [...(prefixes.get(alarms) ?? []), label]);
  let before;

  async function poll() {
    const states = [];
    for (const [AlarmNamePrefix, labels] of prefixes) {
      let NextToken;
      for (let page = 0; page < MOST_PAGES; page++) {
        const answer = await describe({ AlarmNamePrefix, AlarmTypes: ["MetricAlarm"], NextToken });
        for (const alarm of answer.MetricAlarms ?? []) {
          states.push({
            label: labels.join(", "),
            name: alarm.AlarmName,
            state: alarm.StateValue,
            since: +(alarm.StateUpdatedTimestamp ?? 0),
          });
        }
        NextToken = answer.NextToken;
        if (!NextToken) break;
      }
    }
    const text = JSON.stringify(states.map(({ name, state }) => [name, state]));
    if (text === before) return [];
    before = text;
    return [{ name: "alarms", data: { alarms: states } }];
  }

  return { name: "alarms", everyMs, poll };
}
