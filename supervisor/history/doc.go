// Package history keeps the configurations that were in force.
//
// A Recorder stands between a reader and the file system and remembers every
// file, directory and environment variable that made a configuration what it
// is. What it remembers is a Text, which can be read again later, on a host
// whose files have changed, with the same result; and it can tell whether
// reading the files once more might give another one.
//
// A Store keeps Texts, numbered, in the state directory: one tar archive for
// each, of mode 0600 because configurations have passwords in them. Choose says
// which of them to start with when the file on disk cannot, or should not, run.
package history
