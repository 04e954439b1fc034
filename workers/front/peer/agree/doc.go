// Package agree has the rules by which two directors meet: how each proves that it has the shared key,
// which of two connections stays, and how much one may say. They have no clock and no socket.
package agree
