// Command suites runs the test suites one after the other. At the end it prints
// how long each took, the slowest tests, the skipped tests with the reasons, and
// the failed ones. The next suite runs even if one fails.
//
// It prints the output of a failed test, and at most one line for a test that
// passed. The complete output is in integration/logs/SUITE.log.
//
// skips.txt lists the tests that may be skipped. With -ci any other skip is a
// failure.
package main
