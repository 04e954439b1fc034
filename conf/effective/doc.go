// Package effective shows a configuration as it works: every value, said,
// inherited or default, with where it came from, as text or JSON.
package effective
