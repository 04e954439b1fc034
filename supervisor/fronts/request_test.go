package fronts_test

import (
	"context"
	"strings"
	"testing"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/worker/front"
)

// told is a controller that notes what it is asked for.
type told struct {
	fronts.Controller
	override control.OverrideRequest
	by       string
}

func (c *told) Override(ctx context.Context, q control.OverrideRequest) (control.OverrideReport, error) {
	c.override, c.by = q, control.OperatorOf(ctx).String()
	return control.OverrideReport{Nothing: "x"}, nil
}

func (c *told) Checks(context.Context, control.ChecksRequest) (control.ChecksReport, error) {
	var r control.ChecksReport
	for n := range 20 {
		for _, of := range []string{"a", "b"} {
			r.Checkers = append(r.Checkers, control.CheckHistory{VirtualServer: of, RealServer: "s", Runs: uint64(n)})
		}
	}
	return r, nil
}

// TestHistory: the page is told of the server that it names, in one service, and of a few checks.
func TestHistory(t *testing.T) {
	got, err := fronts.Do(t.Context(), &told{}, front.Request{
		Action: front.History, Way: front.ByWeb, Body: []byte(`{"virtual_server":"b","real_server":"s"}`),
	})
	r, ok := got.(control.ChecksReport)
	if !ok || err != nil || len(r.Checkers) == 0 || len(r.Checkers) > 10 {
		t.Fatalf("it is told %+v, %v", got, err)
	}
	for _, c := range r.Checkers {
		if c.VirtualServer != "b" {
			t.Errorf("it is told of %+v", c)
		}
	}
	if s := (front.Settings{}); s.Permits(front.History, front.ByWeb) || s.Permits(front.History, front.ByDBus) {
		t.Error("it may ask without a page")
	}
	if s := (front.Settings{Web: front.Web{Listen: "127.0.0.1:1"}}); !s.Permits(front.History, front.ByWeb) ||
		s.Permits(front.Override, front.ByWeb) {
		t.Error("without a token a page may look, and do nothing")
	}
}

// TestDo: what a front asks for is done in the name of who asked the front, whatever its question says.
func TestDo(t *testing.T) {
	const who = "192.0.2.7, by the web page"
	for _, c := range []struct{ name, action, body, err string }{
		{"a drain", "override", `{"action":"drain","name":"10.0.0.2:80","by":"root"}`, ""},
		{"an unknown word", "override", `{"action":"drain","shell":"x"}`, "unknown field"},
		{"two questions", "override", `{"action":"drain"}{}`, "there is more behind it"},
		{"no question", "override", `x`, "reading the question"},
		{"another action", "upgrade", ``, `there is no action "upgrade"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked told
			_, err := fronts.Do(t.Context(), &asked, front.Request{
				Action: front.Action(c.action), Way: front.ByWeb, Who: "192.0.2.7", Body: []byte(c.body),
			})
			switch {
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q in it", err, c.err)
			case c.err == "" && (err != nil || asked.override.Name != "10.0.0.2:80" || asked.override.By != who ||
				asked.by != who):
				t.Errorf("asked for %+v by %q, error %v", asked.override, asked.by, err)
			}
		})
	}
}
