// Asks every source at its own pace, until the time is over. Pure but for the clock, the sleep and the sources it is given.

/**
 * Yields events, and null for a heartbeat.
 *
 * @param sources Each with `name`, `everyMs` and `poll(now)`, which gives events.
 * @param clock Gives milliseconds since 1970.
 * @param sleep Waits for so many milliseconds.
 * @param endsAt When it is over, by the clock.
 * @param heartbeatMs Longest silence.
 * @param note Told of what failed; viewers are told no more than where.
 */
export async function* watch({ sources, clock, sleep, endsAt, heartbeatMs, note }) {
  const due = new Map(sources.map((source) => [source, clock()]));
  let spoken = clock();
  while (clock() < endsAt) {
    for (const [source, at] of due) {
      if (at > clock() || clock() >= endsAt) continue;
      let events;
      try {
        events = await source.poll(clock());
      } catch (error) {
        note(source.name, error);
        events = [{ name: "trouble", data: { source: source.name, code: "unavailable" } }];
      }
      for (const event of events) {
        yield event;
        spoken = clock();
      }
      due.set(source, clock() + source.everyMs);
    }
    if (clock() - spoken >= heartbeatMs) {
      yield null;
      spoken = clock();
    }
    const next = Math.min(...due.values(), spoken + heartbeatMs, endsAt);
    await sleep(Math.max(0, next - clock()));
  }
}
