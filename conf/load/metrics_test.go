package load_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestMetrics: a listener is off unless it is asked for, and never on every network by mistake.
func TestMetrics(t *testing.T) {
	const plain = "metrics {\n listen 192.0.2.1 9650\n}\n"
	at := netip.MustParseAddrPort("192.0.2.1:9650")
	for name, c := range map[string]struct {
		text string
		want conf.Metrics
		says string // of an error; empty is none
	}{
		"none":  {"", conf.Metrics{}, ""},
		"plain": {"metrics {\n listen 192.0.2.1 9650\n}\n", conf.Metrics{Listen: at}, ""},
		"all of it": {"metrics {\n real_servers off\n network site-a\n listen 192.0.2.1 9650\n}\n",
			conf.Metrics{Listen: at, RealServers: conf.No, Network: "site-a"}, ""},
		"wildcard":   {"metrics {\n listen 0.0.0.0 9650\n}\n", conf.Metrics{}, "every network"},
		"wildcard 6": {"metrics {\n listen :: 9650\n}\n", conf.Metrics{}, "every network"},
		"mapped":     {"metrics {\n listen ::ffff:0.0.0.0 9650\n}\n", conf.Metrics{}, "every network"},
		"group":      {"metrics {\n listen 224.0.0.18 9650\n}\n", conf.Metrics{}, "a group"},
		"no port":    {"metrics {\n listen 192.0.2.1\n}\n", conf.Metrics{}, "listen is an IP address and a port"},
		"meant": {"metrics {\n listen 0.0.0.0 9650\n allow_wildcard\n}\n",
			conf.Metrics{Listen: netip.MustParseAddrPort("0.0.0.0:9650"), AllowWildcard: true}, ""},
		"no address": {"metrics {\n listen localhost 9650\n}\n", conf.Metrics{}, `not served at "localhost 9650"`},
		"port 70000": {"metrics {\n listen 192.0.2.1 70000\n}\n", conf.Metrics{}, "an IP address and a port"},
		"joined":     {"metrics {\n listen 192.0.2.1:9650\n}\n", conf.Metrics{}, "an IP address and a port"},
		"no block":   {"metrics\n", conf.Metrics{}, "needs a block in braces"},
		"where the page is": {"web {\n listen ::ffff:192.0.2.1 9650\n}\n" + plain, conf.Metrics{},
			"metrics and the page would both listen on 192.0.2.1, port 9650"},
		"where all of the page is": {"web {\n listen 0.0.0.0 9650\n allow_wildcard\n}\n" + plain,
			conf.Metrics{}, "would both listen"},
		"beside the page": {"web {\n listen 192.0.2.2 9650\n}\nmetrics {\n listen 192.0.2.1 9650\n}\n",
			conf.Metrics{Listen: at}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lb.conf")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, findings := load.Load(file, load.Options{})
			said := ""
			for _, f := range findings {
				if f.Severity == conf.Error {
					said += f.Message + "\n"
				}
			}
			switch {
			case c.says == "" && said != "", c.says != "" && !strings.Contains(said, c.says):
				t.Errorf("errors %q, want %q", said, c.says)
			case c.says == "" && cfg.Metrics != c.want:
				t.Errorf("read %+v, want %+v", cfg.Metrics, c.want)
			}
		})
	}
}
