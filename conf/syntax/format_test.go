package syntax_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

func TestFormat(t *testing.T) {
	tests := map[string]struct{ src, want string }{
		"indentation":                    {"a\t b {\nc\n  d{e}\n}", "a b {\n    c\n    d {\n        e\n    }\n}\n"},
		"brace on the next line":         {"a b\n{\nc\n}\n", "a b {\n    c\n}\n"},
		"with comments":                  {"# x\na # why\n{ ! y\n  #z\n}# end\n", "# x\na # why\n{ ! y\n    #z\n} # end\n"},
		"comment before the brace":       {"a # why\n{\n}\n", "a { # why\n}\n"},
		"a comment that ends in a brace": {"a # {\n\n{\n}\n", "a # {\n\n{\n}\n"},
		"one line":                       {"v { 10.0.0.1 dev  e0 } w { x }", "v {\n    10.0.0.1 dev e0\n}\nw {\n    x\n}\n"},
		"empty lines":                    {"\n\na {\n\n\nb\n\n\nc\n\n}\n\n\n\nd\n\n", "a {\n    b\n\n    c\n}\n\nd\n"},
		"quotes":                         {`a   "b   c"   d`, "a \"b   c\" d\n"},
		"line ends":                      {"a\r\nb\r\n", "a\nb\n"},
		"untouched": {
			"  $X=a   b  # c\n@main   a   b\nn  '/x   y'\n include  a   b\n ~SEQ(i, 1,  2)   x\na \\#  b",
			"$X=a   b  # c\n@main   a   b\nn  '/x   y'\ninclude  a   b\n~SEQ(i, 1,  2)   x\na \\#  b\n",
		},
		"multi-line definition": {
			"$X= \\\n   a {  \\\n b \\\n\n } \\\n\n\nc {\n $X\n}",
			"$X= \\\n   a {  \\\n b \\\n\n } \\\n\nc {\n    $X\n}\n",
		},
		"two headers": {"@a x {\n@b y {\nc\n}\n", "@a x {\n@b y {\n    c\n}\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := string(syntax.Format([]byte(tt.src)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			sameMeaning(t, "f", tt.src, got)
		})
	}
}

// sameMeaning fails unless both texts give the same tree, and formatting the
// second changes nothing.
func sameMeaning(t *testing.T, name, src, formatted string) {
	t.Helper()
	for _, id := range []string{"main", "a", "b"} {
		opts := syntax.Options{ConfigID: id, FS: syntax.Memory{}, Random: func(lo, _ int) int { return lo },
			KeepComments: true,
			Limits:       syntax.Limits{Lines: 5000, Work: 1 << 20}}
		before, findings := syntax.ParseText(name, src, opts)
		if worst, _ := conf.MaxSeverity(findings); worst == conf.Error {
			return // it is no configuration
		}
		after, _ := syntax.ParseText(name, formatted, opts)
		if diff := cmp.Diff(dump(before.Nodes), dump(after.Nodes)); diff != "" {
			t.Errorf("%s: the meaning changes for %s\n%s\nsource:\n%s\nformatted:\n%s", name, id, diff, src, formatted)
		}
		if len(before.Comments) != len(after.Comments) {
			t.Errorf("%s: %d comments become %d\nsource:\n%s\nformatted:\n%s", name, len(before.Comments), len(after.Comments),
				src, formatted)
		}
	}
	if again := string(syntax.Format([]byte(formatted))); again != formatted {
		t.Errorf("%s: formatting twice changes it again\n%s\nsource:\n%q", name, cmp.Diff(formatted, again), src)
	}
}

func TestFormatCorpus(t *testing.T) {
	for _, file := range corpus(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sameMeaning(t, file, string(src), string(syntax.Format(src)))
	}
}

// FuzzFormat: a formatted file means the same as its source.
func FuzzFormat(f *testing.F) {
	for _, text := range fuzzSeeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text, func(r rune) bool {
			return r < ' ' && !strings.ContainsRune("\t\n\v\f\r", r) || r == 0x7f
		}) {
			return // whether it is text at all is a matter of how much of this there is
		}
		sameMeaning(t, "f", text, string(syntax.Format([]byte(text))))
	})
}
