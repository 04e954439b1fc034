package diff_test

import (
	"bytes"
	"encoding/gob"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
)

func TestConfigCrossesProcesses(t *testing.T) {
	cfg, findings := load.Load("../testdata/effective/everything.conf", load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	cfg.Instances[0].Auth.Pass = "s3cret"
	var wire bytes.Buffer
	if err := gob.NewEncoder(&wire).Encode(cfg); err != nil {
		t.Fatal(err)
	}
	var got conf.Config
	if err := gob.NewDecoder(&wire).Decode(&got); err != nil {
		t.Fatal(err)
	}
	same := []cmp.Option{cmpopts.IgnoreUnexported(conf.Config{}),
		cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
		cmpopts.EquateEmpty()}
	if changed := cmp.Diff(cfg, &got, same...); changed != "" || got.Instances[0].Auth.Pass != "s3cret" {
		t.Errorf("(-sent +received)\n%s", changed)
	}
	if d := diff.Diff(cfg, &got); !d.Empty() {
		t.Errorf("it differs: %v", summary(d))
	}
}
