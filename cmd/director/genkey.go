package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
)

type genkeyCmd struct {
	Bytes int `default:"32" placeholder:"N" help:"Length of the key, 32 to 64 bytes."`
	ID    int `name:"id" default:"1" placeholder:"ID" help:"Number of the key, 1 to 255."`
}

// Help is the example that "director genkey --help" shows.
func (genkeyCmd) Help() string {
	return `Prints a random key as a line for auth_hmac. All routers of the instance need the same line. To change the key
of a running pair, add the new one everywhere, then move active_key, then remove the old one.

Example: director genkey --id 2`
}

// Run prints the key on standard output, and what to do with it on standard error.
func (c *genkeyCmd) Run(std streams) error {
	if c.Bytes < 32 || c.Bytes > 64 {
		return errors.New("genkey: --bytes must be from 32 to 64: auth_hmac takes no other keys")
	}
	if c.ID < 1 || c.ID > 255 {
		return errors.New("genkey: --id must be from 1 to 255")
	}
	key := make([]byte, c.Bytes)
	_, _ = rand.Read(key) // it never fails
	if _, err := fmt.Fprintf(std.out, "key %d hex:%s\n", c.ID, hex.EncodeToString(key)); err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	fmt.Fprintf(std.err, `Put this line into the instance of every router, and keep the file to root (mode 0600):
    auth_hmac {
        key %d hex:...
        active_key %d
    }
Or put hex:... alone into a file, and write: key %d file:/etc/director/hmac.key
`, c.ID, c.ID, c.ID)
	return nil
}
