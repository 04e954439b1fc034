package conf_test

import (
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
)

func TestRegex(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		options []string
		text    string
		want    bool
	}{
		{"ok", nil, "all ok here", true},
		{"OK", nil, "all ok here", false},
		{"OK", []string{"caseless"}, "all ok here", true},
		{"^ok$", nil, "ok", true},
		{"^ok$", nil, "ok\n", true}, // as PCRE
		{"^ok$", []string{"dollar_endonly"}, "ok\n", false},
		{`^ok\z`, nil, "ok\n", false},
		{"^ok$", nil, "x\nok\ny", false},
		{"^ok$", []string{"multiline"}, "x\nok\ny", true},
		{"a.b", nil, "a\nb", false},
		{"a.b", []string{"dotall", "no_start_optimize"}, "a\nb", true},
		{`(ok|fine)$`, nil, "all fine\n", true},
		{`a{2,3}\d+[[:alpha:]]`, nil, "aa7x", true},
		{"$", nil, "", true},
	} {
		r := conf.Regex{Pattern: tc.pattern, Options: tc.options}
		e, err := r.Compile()
		if err != nil {
			t.Errorf("%q: %v", tc.pattern, err)
			continue
		}
		if got := e.MatchReader(strings.NewReader(tc.text)); got != tc.want {
			t.Errorf("%q %v in %q: %v, want %v", tc.pattern, tc.options, tc.text, got, tc.want)
		}
	}
}

// What only PCRE has is named.
func TestRegexOfPCRE(t *testing.T) {
	for pattern, want := range map[string]string{
		"a(?=b)":  "(?= in the pattern is not supported (looking ahead)",
		"(?<!a)b": "(looking behind)",
		`(a)\1`:   `\1 in the pattern is not supported (a reference to a group)`,
		"(?>a)":   "(?> in the pattern is not supported (an atomic group)",
		"a++":     "++ in the pattern is not supported (a possessive quantifier)",
		"a(":      "missing closing )",
		"[a":      "missing closing ]",
	} {
		_, err := (&conf.Regex{Pattern: pattern}).Compile()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
	if _, err := (&conf.Regex{Pattern: "a", Options: []string{"extended"}}).Compile(); err == nil {
		t.Error("extended is taken")
	}
}
