package main

import (
	"fmt"

	"github.com/lvs-director/director/cmd/director/probing"
	"github.com/lvs-director/director/event"
)

type probeCmd struct {
	File    string   `short:"f" placeholder:"FILE" help:"Configuration file; default as for check."`
	Options []string `short:"o" name:"option" sep:"none" placeholder:"'KEYWORD VALUE'" help:"With a kind of check: a line of its block, as in a configuration; may be repeated."`
	Path    string   `placeholder:"PATH" default:"/" help:"With http or https: the path of the url."`
	reading
	JSON  bool     `name:"json" help:"Print JSON."`
	Words []string `arg:"" optional:"" name:"what" help:"A virtual server and a real server of the file, or a kind of check and the server: tcp 10.0.0.2:80."`
}

// Exit statuses of director probe, beside 0.
const (
	probeFailed  = 1
	probeUnknown = 2 // a check could not be made, or what was asked for is not there
)

// Help is the example that "director probe --help" shows.
func (probeCmd) Help() string {
	return `Runs checks once, from this host, and prints verdict, latency and reason of each. It needs no running director and
changes nothing. Programs of MISC_CHECK are run. With a file: all its checks, or those of a virtual server or a real
server. Without one: tcp, http, https, smtp, dns, udp, ping, agent, query or grpc, with ADDRESS:PORT; http, https, smtp, dns and
ping may do without a port. Exit status 0 when all are alive, 1 when one is dead, 2 when one could not be made or
there is none of that name.

Example: director probe -f /etc/keepalived/keepalived.conf 192.0.2.10:80
Example: director probe http 10.0.0.2:80 --path /health -o 'connect_timeout 2'
Example: director probe query 10.0.0.2:6379 -o 'query redis'
Example: director probe query 10.0.0.2:25 -o 'steps {' -o 'expect "^220"' -o 'send "QUIT\r\n"' -o '}'`
}

// Run makes the checks and prints what they say.
func (c *probeCmd) Run(std streams) error {
	q := probing.Question{File: c.File, Reading: c.options(), Words: c.Words, Options: c.Options, Path: c.Path}
	worst, err := q.Ask(std.out, c.JSON)
	switch {
	case err != nil:
		fmt.Fprintln(std.err, "director:", err)
		return exitCode(probeUnknown)
	case worst == event.CannotTell:
		return exitCode(probeUnknown)
	case worst == event.Dead:
		return exitCode(probeFailed)
	}
	return nil
}
