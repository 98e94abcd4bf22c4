/**
 * An instance's name for people: `web-v2-1` of `fl-shop-production-web-v2-1-1m7y2sbcrcx42645-0`. App and environment are
 * known where it is shown, and the rest tells repeated deployments of one release apart. A name of another form stays.
 */
export function shortName(instance: string, { app, environment }: { app: string; environment: string }): string {
  const prefix = `fl-${app}-${environment}-`;
  if (!instance.startsWith(prefix)) return instance;
  const rest = instance.slice(prefix.length);
  return /^[a-z0-9-]+?-v\d+-\d+(?=-)/.exec(rest)?.[0] ?? rest;
}
