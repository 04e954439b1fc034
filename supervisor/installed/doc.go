// Package installed says whether the file of this program is still the program that runs.
//
// A package manager puts a new file into the place of the old one, and the old program runs on until it is
// told to upgrade. Whoever looks at status then must not take what is installed for what runs. The file is looked at
// once for each question: a stat, as long as it is the one that was looked at last. A new one is asked for its
// version, as "director version" says it, within a time limit, and only when it is root's.
package installed
