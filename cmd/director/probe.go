package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/virtualserver/ipvs"
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

// kindsOfProbe are the words for the checks that need no file.
var kindsOfProbe = map[string]conf.CheckKind{
	"tcp": conf.TCPCheck, "http": conf.HTTPGet, "https": conf.SSLGet, "ssl": conf.SSLGet, "smtp": conf.SMTPCheck,
	"dns": conf.DNSCheck, "udp": conf.UDPCheck, "ping": conf.PingCheck, "agent": conf.AgentCheck,
	"query": conf.QueryCheck, "grpc": conf.GRPCCheck,
}

// oneProbe is one run.
type oneProbe struct {
	virtual, real, name string
	target              probe.Target
}

// Run makes the checks and prints what they say.
func (c *probeCmd) Run(std streams) error {
	cfg, file, err := c.configuration()
	if err == nil {
		var list []oneProbe
		if list, err = c.choose(cfg, file); err == nil {
			return runProbes(std, cfg, file, list, c.JSON)
		}
	}
	fmt.Fprintln(std.err, "director:", err)
	return exitCode(probeUnknown)
}

// configuration is that of the file, or is made of the words.
func (c *probeCmd) configuration() (*conf.Config, string, error) {
	if len(c.Words) > 0 && kindsOfProbe[c.Words[0]] != "" && c.File == "" {
		text, err := c.made()
		if err != nil {
			return nil, "", err
		}
		cfg, findings := load.LoadText("command line", text, load.Options{})
		for _, f := range findings {
			if f.Severity != conf.Note {
				return nil, "", fmt.Errorf("making a check of the command line: %s", f.Message)
			}
		}
		return cfg, "", nil
	}
	file, err := load.FindFile(c.File)
	if err != nil {
		if len(c.Words) > 0 && c.File == "" {
			err = fmt.Errorf("probe: %q is no kind of check%s; and %w", c.Words[0],
				value.DidYouMean(c.Words[0], slices.Sorted(maps.Keys(kindsOfProbe))), err)
		}
		return nil, "", err
	}
	cfg, findings := load.Load(file, c.options())
	if conf.HasErrors(findings) {
		return nil, "", fmt.Errorf("reading %s: it has errors: director check shows them", file)
	}
	return cfg, file, nil
}

// usualPorts are those of checks whose port may be left out; a ping has none.
var usualPorts = map[conf.CheckKind]string{conf.PingCheck: "1", conf.HTTPGet: "80", conf.SSLGet: "443",
	conf.SMTPCheck: "25", conf.DNSCheck: "53"}

// made is a configuration with the one check of the command line.
func (c *probeCmd) made() (string, error) {
	word := c.Words[0]
	kind := kindsOfProbe[word]
	if len(c.Words) != 2 {
		return "", fmt.Errorf("probe %s needs one server: director probe %s 10.0.0.2:80", word, word)
	}
	host, port, err := net.SplitHostPort(c.Words[1])
	if usual := usualPorts[kind]; err != nil && usual != "" {
		host, port, err = strings.Trim(c.Words[1], "[]"), usual, nil
	}
	if err != nil {
		return "", fmt.Errorf("probe %s of %q: add a port, such as 10.0.0.2:80", word, c.Words[1])
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return "", fmt.Errorf("probe %s: the server has to be an address, and %q is none", word, host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("probe %s: the port has to be of 1 to 65535, and %q is not", word, port)
	}
	lines := append([]string{"connect_ip " + host}, c.Options...)
	place := "192.0.2.1" // of documentation: the check goes to connect_ip
	if strings.Contains(host, ":") {
		place = "2001:db8::1"
	}
	if kind == conf.HTTPGet || kind == conf.SSLGet {
		// In quotes: a blank, a brace or a # would end it.
		lines = append(lines, "url {", `path "`+c.Path+`"`, "}")
	}
	if strings.ContainsAny(c.Path, "\r\n\"") {
		return "", fmt.Errorf("probe %s: the path %q is not one line without quotes", word, c.Path)
	}
	if err := wholeBlocks(c.Options); err != nil {
		return "", fmt.Errorf("probe %s: %w", word, err)
	}
	return fmt.Sprintf("virtual_server %s %s {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n"+
		"real_server %s %s {\n%s {\n%s\n}\n}\n}\n",
		place+"0", port, place, port, kind, strings.Join(lines, "\n")), nil
}

// wholeBlocks says what is wrong with lines that make up no whole blocks: "steps {" begins one and "}"
// ends it.
func wholeBlocks(lines []string) error {
	depth := 0
	for _, text := range lines {
		line := strings.TrimSpace(text)
		begins := strings.HasSuffix(line, " {")
		switch {
		case strings.ContainsAny(text, "\r\n"), line != "}" && !strings.Contains(line, `"`) &&
			strings.ContainsAny(strings.TrimSuffix(line, " {"), "{}"):
			return fmt.Errorf("%q is not one line: give each line of a block with an -o of its own", text)
		case begins:
			depth++
		case line == "}":
			depth--
		}
		if depth < 0 {
			return fmt.Errorf("%q ends a block that no -o has begun", text)
		}
	}
	if depth > 0 {
		return errors.New("a block has no end: add -o '}'")
	}
	return nil
}

// choose are the checks that are asked for. URLs are checked one by one.
func (c *probeCmd) choose(cfg *conf.Config, file string) ([]oneProbe, error) {
	words := c.Words
	if file == "" {
		words = nil
	}
	if len(words) > 2 {
		return nil, fmt.Errorf("probe: %d names: at most a virtual server and a real server", len(words))
	}
	var list []oneProbe
	var names []string
	found := len(words) == 0
	for _, vs := range cfg.VirtualServers {
		names = append(names, vs.String())
		inside := len(words) == 0 || status.Called(vs.String(), words[0])
		for _, rs := range vs.RealServers {
			names = append(names, rs.String())
			ok := inside
			switch {
			case len(words) == 1:
				ok = inside || status.Called(rs.String(), words[0])
			case len(words) == 2:
				ok = inside && status.Called(rs.String(), words[1])
			}
			if !ok {
				continue
			}
			found = true
			for i, name := range checkers.Names(rs) {
				check := &rs.Checkers[i]
				urls := 1
				if check.HTTP != nil {
					urls = max(len(check.HTTP.URLs), 1)
				}
				for u := range urls {
					p := oneProbe{vs.String(), rs.String(), name, probe.Target{Checker: check, URL: u}}
					if urls > 1 {
						p.name += " url " + conf.MaskURL(check.HTTP.URLs[u].Path)
					}
					list = append(list, p)
				}
			}
		}
	}
	switch {
	case !found:
		for kind := range kindsOfProbe {
			names = append(names, kind)
		}
		near := ""
		for _, w := range words {
			if near == "" {
				near = value.DidYouMean(w, names)
			}
		}
		return nil, fmt.Errorf("probe: %s has no virtual server or real server %q%s", file, strings.Join(words, " "), near)
	case file == "" && len(list) > 0:
		list[0].virtual, list[0].real = "", c.Words[1]
	case len(list) == 0:
		return nil, errors.New("probe: no checks are configured there")
	}
	return list, nil
}

// probesAtOnce bounds the runs under way.
const probesAtOnce = 500

// runProbes makes the checks and prints the results in their order.
func runProbes(std streams, cfg *conf.Config, file string, list []oneProbe, asJSON bool) error {
	prober, err := probe.New(probe.Options{Programs: programsOnce(cfg), Files: filesOnce(cfg), Path: pathOnce()})
	if err != nil {
		return err
	}
	defer prober.Close()
	type answer struct {
		n int
		r probe.Result
	}
	answers := make(chan answer)
	places := make(chan struct{}, probesAtOnce)
	go func() {
		for n, p := range list {
			places <- struct{}{}
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute+
					probe.Longest(p.target.Checker.Timeout, p.target.Checker.TotalTimeout))
				defer cancel()
				r := prober.Probe(ctx, p.target)
				<-places
				answers <- answer{n, r}
			}()
		}
	}()
	report := control.ProbeReport{File: file, Checks: make([]control.Probe, len(list))}
	code := exitOK
	for range list {
		a := <-answers
		p := list[a.n]
		r := event.CheckResult{
			Checker: p.name, OK: a.r.OK, Verdict: checkers.VerdictOf(a.r), Reason: a.r.Reason, At: time.Now(), Took: a.r.Took,
		}
		report.Checks[a.n] = control.Probe{VirtualServer: p.virtual, RealServer: p.real, Check: *control.NewCheck(r)}
		switch {
		case r.Verdict == event.CannotTell:
			code = probeUnknown
		case r.Verdict == event.Dead:
			code = max(code, probeFailed)
		}
	}
	if asJSON {
		err = control.Write(std.out, report, true)
	} else {
		err = printProbes(std, report)
	}
	if err == nil && code != exitOK {
		err = exitCode(code)
	}
	return err
}

func printProbes(std streams, r control.ProbeReport) error {
	tab := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	virtual := ""
	for _, p := range r.Checks {
		if r.File != "" && p.VirtualServer != virtual {
			virtual = p.VirtualServer
			fmt.Fprintf(tab, "%s\n", virtual)
		}
		fmt.Fprintf(tab, "  %s\t%s\t%s\t%v\t%s\n", p.RealServer, p.Checker, p.Verdict,
			p.Took.Round(10*time.Microsecond), p.Reason)
	}
	return tab.Flush()
}

// programsOnce runs the programs of MISC_CHECK, with the rights of this command.
func programsOnce(cfg *conf.Config) probe.Programs {
	commands := make(map[string]program.Command)
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			for i := range rs.Checkers {
				if m := rs.Checkers[i].Misc; m != nil {
					commands[m.ProgramID()] = program.Of(m.Script, cfg.Global)
				}
			}
		}
	}
	return func(id string, done func(event.ProgramEnd)) func() {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			e := program.Runner{}.Run(ctx, commands[id], nil)
			if ctx.Err() == nil {
				done(event.ProgramEnd{Code: e.Code, Signal: e.Signal, TimedOut: e.TimedOut, Err: e.Err})
			}
		}()
		return cancel
	}
}

// pathOnce looks into the kernel's table, where a running director has a service for each check as_client: without
// it whoever answers at the virtual address would pass for the real server.
func pathOnce() func(mark uint32) bool {
	paths := sync.OnceValue(func() map[uint32]bool {
		marks := make(map[uint32]bool)
		driver, err := ipvs.Open()
		if err != nil {
			return marks
		}
		defer driver.Close()
		services, _ := driver.Services() // none is none
		for _, s := range services {
			if s.Key.FWMark == 0 {
				continue
			}
			list, err := driver.Destinations(s.Key)
			marks[s.Key.FWMark] = marks[s.Key.FWMark] || err == nil && len(list) > 0
		}
		return marks
	})
	return func(mark uint32) bool { return paths()[mark] }
}

// filesOnce reads track_files.
func filesOnce(cfg *conf.Config) probe.Files {
	return func(name string, done func(probe.FileValue)) func() {
		v := probe.FileValue{Missing: true}
		for _, f := range cfg.Files {
			if f.Name == name {
				v = probe.FileValue{Value: tracking.LookAtFile(f).Value}
			}
		}
		done(v)
		return func() {}
	}
}
