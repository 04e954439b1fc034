package buildinfo

import (
	"runtime/debug"
	"testing"
)

func TestVersionSaysCommitAndDate(t *testing.T) {
	built := func(pairs ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}
		for n := 0; n < len(pairs); n += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: pairs[n], Value: pairs[n+1]})
		}
		return info
	}
	const commit, when = "9b4dd5e0123456789abcdef0123456789abcdef0", "2026-11-28T16:30:46Z"
	for name, tc := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"a commit": {built("vcs.revision", commit, "vcs.time", when, "vcs.modified", "false"),
			"9b4dd5e01234 (2026-11-28)"},
		"changed files": {built("vcs.revision", commit, "vcs.time", when, "vcs.modified", "true"),
			"9b4dd5e01234 (2026-11-28) with local changes"},
		"no time":        {built("vcs.revision", commit), "9b4dd5e01234"},
		"not from git":   {built(), "unknown (built without version control)"},
		"go install":     {&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3"},
		"nothing at all": {nil, "unknown"},
	} {
		if got := Version(tc.info); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
