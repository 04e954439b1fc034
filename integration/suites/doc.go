// Command suites runs the test suites one after the other and says at the end
// what each took, which tests were the slowest, which ones were skipped and
// why, and what failed. A suite that fails does not keep the next from running.
//
// What "go test" prints of a test that failed is printed, of one that passed a
// line at most; all of it is in integration/logs/SUITE.log.
//
// A test may be skipped if skips.txt lists it. With -ci a skip that is not
// listed there is a failure.
package main
