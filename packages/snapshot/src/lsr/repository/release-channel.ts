/** The channel of the snapshot that holds a release's files, proven by its goldens. `release` is its digest. */
export const releaseChannel = (release: string): string =>
  `release-${release.replace(/^sha256:/, "").slice(0, 40)}`;
