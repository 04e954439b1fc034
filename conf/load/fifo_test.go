package load_test

import (
	"slices"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestOneFIFOUnderTwoWords: each line is written once, and one program reads it, as with keepalived.
func TestOneFIFOUnderTwoWords(t *testing.T) {
	const script = "_script /bin/true root\n"
	for name, tc := range map[string]struct {
		text             string
		vrrp, lvs        string // paths that are left
		vrrpReads, reads bool   // vrrp_notify_fifo_script, lvs_notify_fifo_script
		warned           bool
	}{
		"all and vrrp": {"notify_fifo /run/f\nvrrp_notify_fifo /run/f\nvrrp_notify_fifo" + script,
			"", "", false, false, true},
		"all and lvs": {"notify_fifo /run/f\nlvs_notify_fifo /run/f\nlvs_notify_fifo" + script, "", "", false, false, true},
		"vrrp and lvs": {"vrrp_notify_fifo /run/f\nlvs_notify_fifo /run/f\nvrrp_notify_fifo" + script +
			"lvs_notify_fifo" + script,
			"/run/f", "/run/f", true, false, true},
		"three": {"notify_fifo /run/a\nvrrp_notify_fifo /run/f\nlvs_notify_fifo /run/g\nlvs_notify_fifo" + script,
			"/run/f", "/run/g", false, true, false},
	} {
		cfg, findings := load.LoadText("x", "global_defs {\nrouter_id x\n"+tc.text+"}\n", load.Options{})
		g := cfg.Global
		warned := slices.ContainsFunc(findings, func(f conf.Finding) bool { return f.Code == "shared-fifo" })
		if g.VRRPFIFO.Path != tc.vrrp || g.LVSFIFO.Path != tc.lvs || !g.VRRPFIFO.Script.IsZero() != tc.vrrpReads ||
			!g.LVSFIFO.Script.IsZero() != tc.reads || warned != tc.warned {
			t.Errorf("%s: %+v and %+v, %v", name, g.VRRPFIFO, g.LVSFIFO, findings)
		}
	}
}
