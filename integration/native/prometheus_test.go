//go:build linux

package native_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/integration/lab"
)

// prometheus is Debian's, unpacked and not installed, on a host of the lab.
type prometheus struct {
	t    *testing.T
	host *lab.Host
	web  http.Client
	tool string // promtool
}

// newPrometheus starts one that evaluates rules and scrapes a job called director.
func newPrometheus(t *testing.T, h *lab.Host, rules string, targets ...string) *prometheus {
	t.Helper()
	cache, err := debian.OpenCache(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	program, err := cache.Program(t.Context(), "prometheus", "usr/bin/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	p := &prometheus{t: t, host: h, tool: filepath.Join(filepath.Dir(program.Path), "promtool")}
	dial := func(_ context.Context, network, at string) (c net.Conn, err error) {
		err = h.Do(func() (err error) { c, err = net.DialTimeout(network, at, 5*time.Second); return err })
		return c, err
	}
	p.web.Transport = &http.Transport{DisableKeepAlives: true, DialContext: dial}
	rules = h.WriteFile("rules.yml", rules)
	p.check("check", "rules", rules)
	file := h.WriteFile("prometheus.yml", fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
- job_name: director
  static_configs: [{targets: ["%s"]}]
`, rules, strings.Join(targets, `", "`)))
	h.StartCommand(lab.Command{
		Argv: []string{program.Path, "--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(h.Dir(), "series"),
			"--web.listen-address=127.0.0.1:9090", "--log.level=warn"},
		Env: program.Env(),
	})
	return p
}

// check runs promtool.
func (p *prometheus) check(words ...string) {
	p.t.Helper()
	if out, err := exec.Command(p.tool, words...).CombinedOutput(); err != nil {
		p.t.Errorf("promtool %s: %v\n%s", strings.Join(words, " "), err, out)
	}
}

// checkMetrics has promtool look at what a director serves.
func (p *prometheus) checkMetrics(at string) {
	p.t.Helper()
	text := p.get("http://" + at + "/metrics")
	tool := exec.Command(p.tool, "check", "metrics")
	tool.Stdin = bytes.NewReader(text)
	if out, err := tool.CombinedOutput(); err != nil || len(text) == 0 {
		p.t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// get asks for a page; nil is that there is none.
func (p *prometheus) get(page string) []byte {
	answer, err := p.web.Get(page)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusInternalServerError {
		return nil
	}
	return text
}

// series is one of an answer.
type series struct{ Metric map[string]string }

// query evaluates an expression now; ready is that Prometheus answers.
func (p *prometheus) query(expression string) (list []series, ready bool) {
	p.t.Helper()
	text := p.get("http://127.0.0.1:9090/api/v1/query?query=" + url.QueryEscape(expression))
	var answer struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.Unmarshal(text, &answer); text == nil || err != nil {
		return nil, false
	}
	if answer.Status != "success" {
		p.t.Errorf("%s: %s", expression, answer.Error)
	}
	return answer.Data.Result, true
}

// alerts are those of an expression, each with what says what it is about.
func (p *prometheus) alerts(expression string) []string {
	p.t.Helper()
	list, _ := p.query(expression)
	var names []string
	for _, s := range list {
		name := s.Metric["alertname"]
		for _, label := range []string{"instance", "network", "vrrp_instance", "worker", "real_server"} {
			if v := s.Metric[label]; v != "" {
				name += " " + v
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// firing are the alerts that fire.
func (p *prometheus) firing() []string { return p.alerts(`ALERTS{alertstate="firing"}`) }
