package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestLogLinesOfALife: what keepalived says at its start, a reload and its end, in its order, in the foreground
// and in syslog, where each process has its own identifier.
func TestLogLinesOfALife(t *testing.T) {
	b := newBox(t)
	b.says(0, "keepalived -n -l -P --log-format keepalived -f k.conf 2>err & until grep -q 'Entering MASTER' err; "+
		"do sleep 0.1; done; kill -HUP $!; until grep -q 'Reload complete' err; do sleep 0.1; done; "+
		"kill -9 $(cat /run/vrrp.pid); until [ $(grep -c 'Starting VRRP' err) = 2 ]; do sleep 0.1; done; "+
		"until director status | grep -q MASTER; do sleep 0.1; done; kill $!; wait $!")
	stamp := `\w+ +\d+ [\d:]+ `
	want := []string{
		`Keepalived\[\d+\]: Starting Keepalived v\d+\.\d+\.\d+ \(\d\d/\d\d,\d{4}\)`,
		`Keepalived\[\d+\]: Running on Linux \S+ .*`,
		`Keepalived\[\d+\]: Command line: '\S*keepalived' '-n' '-l' '-P' .*`,
		`Keepalived\[\d+\]: Configuration file \S*k\.conf`,
		`Keepalived\[\d+\]: Starting VRRP child process, pid=\d+`,
		`Keepalived_vrrp\[\d+\]: \(VI_51\) Entering BACKUP STATE \(init\)`,
		`Keepalived\[\d+\]: Startup complete`,
		`Keepalived_vrrp\[\d+\]: \(VI_51\) Receive advertisement timeout`,
		`Keepalived_vrrp\[\d+\]: \(VI_51\) Entering MASTER STATE`,
		`Keepalived\[\d+\]: Reloading \.\.\.`,
		`Keepalived\[\d+\]: Configuration file \S*k\.conf`,
		`Keepalived\[\d+\]: Reload complete`,
		`Keepalived\[\d+\]: pid \d+ ended: signal: killed`,
		`Keepalived\[\d+\]: VRRP child process\(\d+\) died: Respawning`,
		`Keepalived\[\d+\]: Starting VRRP child process, pid=\d+`,
		`Keepalived\[\d+\]: Stopping`,
		`Keepalived_vrrp\[\d+\]: \(VI_51\) sent 0 priority`,
		`Keepalived_vrrp\[\d+\]: \(VI_51\) removing VIPs\.`,
		`Keepalived_vrrp\[\d+\]: Stopped`,
		`Keepalived\[\d+\]: Stopped Keepalived v\d+\.\d+\.\d+ \(\d\d/\d\d,\d{4}\)`,
	}
	inOrder(t, "standard error", strings.Split(b.says(0, "cat err"), "\n"), want, stamp)
	var syslog []string
	for n := len(b.log); n > 0; n-- {
		syslog = append(syslog, <-b.log)
	}
	inOrder(t, "syslog", syslog, want, `<\d+>`+stamp)
}

// inOrder says which pattern is not there behind those before it. Two processes write: of two lines of
// different ones the order may be the other one, if they are neighbours.
func inOrder(t *testing.T, where string, lines, patterns []string, before string) {
	t.Helper()
	const neighbours = 2
	at := 0
	for _, p := range patterns {
		re := regexp.MustCompile("^" + before + p + "$")
		found := -1
		for n := max(at-neighbours, 0); n < len(lines) && found < 0; n++ {
			if re.MatchString(strings.TrimSpace(lines[n])) {
				found, lines[n] = n, ""
			}
		}
		if found < 0 {
			t.Errorf("%s lacks %s behind line %d:\n%s", where, p, at, strings.Join(lines, "\n"))
			return
		}
		at = found
	}
}
