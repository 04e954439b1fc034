//go:build linux

package lab

import (
	"fmt"
	"os/exec"
	"strings"
)

const (
	reportLogLines    = 60
	reportPacketLines = 40
	// reportFilter selects what routers and neighbours send. The clients'
	// packets are too many to print; they are in the files.
	reportFilter = "arp or icmp or proto 112 or ip6 proto 112 or (icmp6 and ip6[40] >= 135)"
)

// report prints the logs and the packets of every host of a failed test.
func (l *Lab) report() {
	l.t.Helper()
	var b strings.Builder
	for _, h := range l.hosts {
		for _, p := range h.processes {
			fmt.Fprintf(&b, "---- %s: %s, last lines\n", h.Name, p.Name)
			lines := p.Log()
			for _, line := range lines[max(0, len(lines)-reportLogLines):] {
				fmt.Fprintf(&b, "%s %s\n", line.Time.Format(clock), line.Text)
			}
		}
		for _, c := range h.captures {
			fmt.Fprintf(&b, "---- %s: %s, last of VRRP, ARP and ICMP\n", h.Name, c.Iface)
			b.WriteString(tail(foldRepeats(c.Decode("-nn", "-e", reportFilter)), reportPacketLines))
		}
	}
	fmt.Fprintf(&b, "---- all of it: %s\n", l.keep)
	l.t.Logf("what the hosts saw:\n%s", b.String())
}

// snapshot logs addresses, routes and tables of a host before it is switched off.
func (h *Host) snapshot() {
	if h.ns == nil {
		return
	}
	var b strings.Builder
	for _, argv := range [][]string{{"ip", "-br", "addr"}, {"ip", "route"}, {"ipvsadm", "-Ln"}} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			continue
		}
		out, _ := h.Output(argv...)
		if argv[0] == "ipvsadm" && strings.Count(out, "\n") <= 3 {
			continue // an empty table
		}
		fmt.Fprintf(&b, "$ %s\n%s", strings.Join(argv, " "), out)
	}
	h.lab.t.Logf("---- %s at the end\n%s", h.Name, b.String())
}

// Decode has tcpdump print the capture, with the given flags and filter. The
// text includes tcpdump's error messages.
func (c *Capture) Decode(args ...string) string {
	select {
	case <-c.done: // the file is complete
	default:
		c.Flush()
	}
	out, err := exec.Command("tcpdump", append([]string{"-r", c.Path}, args...)...).CombinedOutput()
	text := strings.TrimPrefix(string(out),
		fmt.Sprintf("reading from file %s, link-type EN10MB (Ethernet), snapshot length %d\n", c.Path, snapLength))
	if err != nil {
		text += fmt.Sprintf("tcpdump: %v\n", err)
	}
	return text
}

// foldRepeats writes lines that differ only in their time, such as the
// advertisements of a quiet minute, as the first and the last of them.
func foldRepeats(text string) string {
	var b strings.Builder
	var body, last string
	repeats := 0
	end := func() {
		if repeats > 1 {
			fmt.Fprintf(&b, "  ... %d more\n", repeats-1)
		}
		if repeats > 0 {
			b.WriteString(last)
		}
	}
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(line, " ")
		if rest == body {
			last = line
			repeats++
			continue
		}
		end()
		b.WriteString(line)
		body, repeats = rest, 0
	}
	end()
	return b.String()
}

// tail keeps the last n lines.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
