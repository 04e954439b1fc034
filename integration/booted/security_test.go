//go:build linux

package booted_test

import (
	"strings"
	"testing"
)

// explained fails the test unless docs/security.md, as the package has it, names each point that systemd-analyze does
// not give to the unit.
func explained(t *testing.T, analysis string) {
	t.Helper()
	doc := do(t, "cat /usr/share/doc/lvs-director/docs/security.md")
	points := 0
	for line := range strings.Lines(analysis) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "\u2717" && f[0] != "-" { // in a terminal without UTF-8 a cross is a minus
			continue
		}
		points++
		// "PrivateTmp=", "RootDirectory=/RootImage=", "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|RAW)"
		name, value, _ := strings.Cut(f[1], "=")
		if value, ok := strings.CutPrefix(value, "~"); ok {
			name, _, _ = strings.Cut(value, "(")
		}
		if !strings.Contains(doc, name) {
			t.Errorf("docs/security.md does not say why hardened.conf has no %s", f[1])
		}
	}
	if points == 0 {
		t.Errorf("systemd-analyze says nothing against it:\n%s", analysis)
	}
}
