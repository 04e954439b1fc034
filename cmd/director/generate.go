package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/checkers/genhash"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

type genkeyCmd struct {
	Bytes int  `default:"32" placeholder:"N" help:"Length of the key, 32 to 64 bytes."`
	ID    int  `name:"id" default:"1" placeholder:"ID" help:"Number of the key, 1 to 255."`
	Peer  bool `help:"Print a key for the file of a peer: the same on both halves, readable for root only."`
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
	if c.Peer && c.Bytes != 32 {
		return errors.New("genkey: the key of a peer has 32 bytes")
	} else if c.Peer {
		_, err := fmt.Fprintf(std.out, "hex:%s\n", hex.EncodeToString(key))
		return err
	}
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

// genhashCmd has the flags of keepalived's genhash.
type genhashCmd struct {
	Server   netip.Addr `short:"s" placeholder:"ADDRESS" required:"" help:"Address of the server."`
	Port     uint16     `short:"p" placeholder:"PORT" help:"Port of the server; default 80, with -S 443."`
	URL      string     `short:"u" name:"url" placeholder:"PATH" required:"" help:"Path of the page, with a slash at its beginning."`
	SSL      bool       `short:"S" name:"use-ssl" help:"Use TLS."`
	SNI      bool       `short:"I" name:"use-sni" help:"Send the name of -V in the TLS handshake."`
	Host     string     `short:"V" name:"use-virtualhost" placeholder:"NAME" help:"Name for the Host header."`
	Verbose  bool       `short:"v" help:"Print the answer too."`
	FWMark   uint32     `short:"m" name:"fwmark" placeholder:"MARK" help:"Firewall mark of the packets."`
	Protocol string     `short:"P" placeholder:"VERSION" default:"1.0" help:"HTTP version: 1.0, 1.0c (with Connection: close) or 1.1."`
	Timeout  int        `short:"t" placeholder:"SECONDS" default:"5" help:"Time limit of each step, in seconds."`
	Write    bool       `help:"Print a url block for the configuration. The page is fetched twice: a digest is of no use for one that changes."`
}

// Help is the example that "director genhash --help" shows.
func (genhashCmd) Help() string {
	return `Prints the digest of a page, as "digest" of a url block wants it and as keepalived's genhash prints it. It is
the same program as genhash, when it is called by that name, and as keepalived --genhash.

Example: director genhash -s 192.0.2.11 -p 80 -u /health --write`
}

// Run fetches the page.
func (c *genhashCmd) Run(io streams) error {
	checker, err := c.checker()
	if err != nil {
		return fmt.Errorf("genhash: %w", err)
	}
	prober, err := probe.New(probe.Options{})
	if err != nil {
		return fmt.Errorf("genhash: %w", err)
	}
	defer prober.Close()
	page, err := prober.Fetch(context.Background(), checker)
	if err != nil {
		return fmt.Errorf("genhash: %w", err)
	}
	switch {
	case c.Write:
		again, err := prober.Fetch(context.Background(), checker)
		if err != nil {
			return fmt.Errorf("genhash: the second time: %w", err)
		}
		if again.Digest != page.Digest {
			return fmt.Errorf("genhash: the page changes (%s, then %s): a digest of it never matches for long, use regex or "+
				"status_code instead", page.Digest, again.Digest)
		}
		fmt.Fprint(io.out, genhash.Block(checker.HTTP.URLs[0].Path, c.Host, page.Digest))
	case c.Verbose:
		fmt.Fprint(io.out, genhash.Verbose(c.URL, page))
	default:
		fmt.Fprintln(io.out, page.Digest)
	}
	return nil
}

// checker is the check that would fetch the page.
func (c *genhashCmd) checker() (*conf.Checker, error) {
	if !strings.HasPrefix(c.URL, "/") || strings.ContainsAny(c.URL, " \t\r\n") {
		return nil, errors.New("-u must be a path that begins with a slash and has no blanks: " + strconv.Quote(c.URL))
	}
	if strings.ContainsAny(c.Host, " \t\r\n") {
		return nil, errors.New("-V must be a name without blanks: " + strconv.Quote(c.Host))
	}
	if c.Timeout < 1 {
		return nil, errors.New("-t must be at least one second")
	}
	protocol := strings.ToUpper(c.Protocol)
	if protocol != "1.0" && protocol != "1.0C" && protocol != "1.1" {
		return nil, errors.New("-P must be 1.0, 1.0c or 1.1")
	}
	checker := &conf.Checker{
		Kind: conf.HTTPGet, ConnectIP: c.Server, ConnectPort: c.Port, FWMark: c.FWMark,
		Timeout: time.Duration(c.Timeout) * time.Second,
		HTTP: &conf.HTTPCheck{
			Protocol: protocol, EnableSNI: c.SNI, VirtualHost: c.Host,
			URLs: []conf.HTTPURL{{Path: c.URL, VirtualHost: c.Host}},
		},
	}
	if c.SSL {
		checker.Kind = conf.SSLGet
	}
	if c.Port == 0 {
		checker.ConnectPort = 80
		if c.SSL {
			checker.ConnectPort = 443
		}
	}
	return checker, nil
}
