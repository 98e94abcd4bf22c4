/** What an environment variable may be called: POSIX (IEEE 1003.1, 8.1), at most 128 characters. */
export const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Longest value in characters: Linux allows 128 KiB for one variable (execve(2), MAX_ARG_STRLEN) and 2 MiB for all. */
export const valueLimit = 32_768;
