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
