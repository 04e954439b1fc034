package effective_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/internal/golden"
	"github.com/lvs-director/director/conf/load"
)

// sameMeaning compares configurations for what they do.
var sameMeaning = []cmp.Option{
	cmpopts.IgnoreUnexported(conf.Config{}),
	cmpopts.IgnoreFields(conf.Config{}, "Path", "Digest", "ConfigID", "Found"),
	// What is masked.
	cmpopts.IgnoreTypes(conf.Secret("")),
	cmpopts.IgnoreFields(conf.HTTPHeader{}, "Value"), cmpopts.IgnoreFields(conf.HTTPURL{}, "Body"),
	cmpopts.IgnoreFields(conf.UDPCheckParams{}, "Payload"), cmpopts.IgnoreFields(conf.QueryStep{}, "Send"),
	cmpopts.IgnoreFields(conf.AgentCheckParams{}, "Send"),
	field[conf.HTTPURL](".Path", cmp.Transformer("shown", conf.MaskURL)),
	field[conf.TrackProcess](".Argv", cmp.Transformer("shown", conf.MaskArguments)),
	cmp.Transformer("shown", func(s conf.Script) [4]string {
		return [4]string{conf.MaskCommand(s.Command), s.User, s.Group, s.Timeout.String()}
	}),
	cmpopts.IgnoreFields(conf.Route{}, "Text"),
	cmpopts.IgnoreFields(conf.Rule{}, "Text"),
	cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
	cmpopts.EquateEmpty(),
}

// field limits an option to one field of T.
func field[T any](name string, option cmp.Option) cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == name && p.Index(-2).Type() == reflect.TypeFor[T]()
	}, option)
}

func TestEffectiveConfiguration(t *testing.T) {
	t.Chdir("..") // the names of files stand in what is compared
	files, err := filepath.Glob("testdata/effective/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cfg, findings := load.Load(file, load.Options{ConfigID: "lb1"})
			if conf.HasErrors(findings) {
				t.Fatal(findings)
			}
			var text, js bytes.Buffer
			if err := effective.Render(&text, cfg); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, strings.TrimSuffix(file, ".conf")+".golden", text.Bytes())
			if err := effective.RenderJSON(&js, cfg); err != nil || !json.Valid(js.Bytes()) {
				t.Errorf("JSON: %v\n%s", err, js.Bytes())
			}
			again, findings := load.LoadText("effective.conf", text.String(), load.Options{})
			if conf.HasErrors(findings) {
				t.Fatalf("what was shown does not load: %v", findings)
			}
			if diff := cmp.Diff(cfg, again, sameMeaning...); diff != "" {
				t.Errorf("what was shown means something else (-file +shown):\n%s", diff)
			}
		})
	}
}

func TestEffectiveConfigurationOfRealFilesMeansTheSame(t *testing.T) {
	files, err := filepath.Glob("../../../shared/confs/*.conf")
	if err != nil || len(files) == 0 {
		t.Skipf("SKIP: no real configurations beside the repository (../shared/confs): %v", err)
	}
	for _, file := range files {
		cfg, findings := load.Load(file, load.Options{ConfigID: "nobody"})
		if conf.HasErrors(findings) {
			continue
		}
		var text bytes.Buffer
		if err := effective.Render(&text, cfg); err != nil {
			t.Fatal(err)
		}
		again, _ := load.LoadText("effective.conf", text.String(), load.Options{})
		if diff := cmp.Diff(cfg, again, sameMeaning...); diff != "" {
			t.Errorf("%s: what was shown means something else (-file +shown):\n%s", file, diff)
		}
	}
}
