//go:build linux

package native_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// scrape reads the metrics of a host, and gives the values of series by name and labels.
func scrape(t *testing.T, h *lab.Host) map[string]float64 {
	t.Helper()
	var text []byte
	err := h.Do(func() error {
		c, err := net.DialTimeout("tcp", "127.0.0.1:9650", 5*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = io.WriteString(c, "GET /metrics HTTP/1.0\r\n\r\n")
		var answer *http.Response
		if err == nil {
			answer, err = http.ReadResponse(bufio.NewReader(c), nil)
		}
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err = io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", answer.Status, text)
		}
		return err
	})
	if err != nil {
		return nil // nobody listens yet, or not any more
	}
	if problems, err := promlint.New(strings.NewReader(string(text))).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	values := make(map[string]float64)
	for name, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			values[name+" "+strings.Join(labels, " ")] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

// TestMetricsOfAPair: the series of both halves have the labels in common that alerts add up by, one
// of them says MASTER, and the other one after a handover. The front of one dies meanwhile, and VRRP
// does not notice.
func TestMetricsOfAPair(t *testing.T) {
	site := vrrpOnly(t)
	director := stage.PlainDirector()
	r := site.Run(t, [2]pair.Kind{director, director}, func(_ int, c *pair.Config) {
		c.Service, c.Interval = false, 100*time.Millisecond
		c.Before = append(c.Before, "metrics {\n    listen 127.0.0.1 9650\n}")
	})
	r.UntilMaster(0, 20*time.Second)
	const of = "director_vrrp_state family=ipv4 interface=eth0 network="
	isMaster := func(i int) (master bool, network string) {
		for name, v := range scrape(t, site.Dirs[i]) {
			if rest, ok := strings.CutPrefix(name, of); ok && strings.Contains(rest, "state=master") {
				network, _, _ = strings.Cut(rest, " ")
				return v == 1, network
			}
		}
		return false, ""
	}
	var networks [2]string
	roles := func(want int) func() bool {
		return func() bool {
			var is [2]bool
			for i := range is {
				is[i], networks[i] = isMaster(i)
			}
			return is[want] && !is[1-want] && networks[1-want] != ""
		}
	}
	r.Lab.Until(20*time.Second, "dir1 alone says that it is MASTER", roles(0))
	if p, err := netip.ParsePrefix(networks[0]); err != nil || p.IsSingleIP() || networks[0] != networks[1] {
		t.Errorf("the networks are %q", networks)
	}
	first := scrape(t, site.Dirs[1])
	r.Lab.Until(20*time.Second, "the BACKUP counts what it hears", func() bool {
		for name, v := range scrape(t, site.Dirs[1]) {
			if strings.HasPrefix(name, "director_vrrp_advertisements_total direction=received") && v > first[name]+2 {
				return true
			}
		}
		return false
	})
	killed := r.Daemons[0].KillWorker("front")
	r.Lab.Until(20*time.Second, "the front of dir1 is back", roles(0))
	if got := r.Advertised(1, killed); len(got) > 0 {
		t.Errorf("dir2 has advertised %d times", len(got))
	}
	r.Daemons[0].Terminate()
	r.Lab.Until(20*time.Second, "dir2 says that it is MASTER", func() bool { is, _ := isMaster(1); return is })
}
