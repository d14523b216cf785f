/** Run `work` on every item, at most `limit` at once; the results in the order of the items. */
export async function pool(items, limit, work) {
  const results = [];
  const running = new Set();
  for (const item of items) {
    const task = work(item).then((result) => results.push(result));
    running.add(task);
    if (running.size > limit) Promise.race(running);
  }
  await Promise.all(running);
  return results;
}
