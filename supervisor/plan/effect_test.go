package plan_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/plan"
)

// What counts is the keyword that a finding is about, not how its text begins.
func TestWithoutEffect(t *testing.T) {
	got := plan.WithoutEffect([]conf.Finding{
		{Code: "no-effect", Keyword: "lvs_sync_daemon", Message: "says something",
			Pos: conf.Pos{File: "a.conf", Line: 3, Col: 1}},
		{Code: "no-effect", Keyword: "smtp_alert", Message: "vrf is the first word by chance"},
		{Code: "other", Message: "sorry_server is the first word by chance"},
	})
	if len(got) != 1 || got[0] != "says something (a.conf:3:1)" {
		t.Errorf("%q", got)
	}
}
