// Reads the metrics of operator and scorer as Prometheus would.
for (const url of process.env.METRICS.split(" ")) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const text = await answer.text();
  if (answer.status !== 200 || !text.includes("picket_build_info")) {
    throw new Error(`${url} answered ${answer.status} without picket_build_info`);
  }
}
process.stdout.write("metrics are served\n");
