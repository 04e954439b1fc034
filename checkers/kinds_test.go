package checkers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// TestPlacesOfACheckKind fails when a kind of check was added or became
// supported and one of its places was forgotten: the prober's table, a test of
// the prober, the generated keyword reference, the README, the name in events.
func TestPlacesOfACheckKind(t *testing.T) {
	kinds := checkKinds(t, "../conf")
	if len(kinds) < 10 {
		t.Fatalf("found the kinds %v in package conf, want at least the ten of keepalived", kinds)
	}
	reference, readme, tests := text(t, "../docs/keywords.md"), text(t, "../README.md"), text(t, "probe/*_test.go")
	for constant, kind := range kinds {
		supported := probe.Supports(kind)
		row := regexp.MustCompile("(?m)^\\| `" + string(kind) + "`( \\*)? \\|.*$").FindString(reference)
		switch works := strings.HasSuffix(row, "| works |"); {
		case row == "":
			t.Errorf("%s: docs/keywords.md has no row for it", kind)
		case works != supported:
			t.Errorf("%s: supported by the prober is %t, docs/keywords.md says %q", kind, supported, row)
		}
		if !supported {
			continue
		}
		if !strings.Contains(readme, string(kind)) {
			t.Errorf("%s: README.md does not list it among what works", kind)
		}
		if !strings.Contains(tests, "conf."+constant) {
			t.Errorf("%s: no test of package probe runs it (conf.%s)", kind, constant)
		}
		at := netip.MustParseAddr("10.0.0.2")
		checker := conf.Checker{Kind: kind, ConnectIP: at, ConnectPort: 80,
			HTTP: &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/"}}}}
		for _, name := range checkers.Names(&conf.RealServer{Checkers: []conf.Checker{checker}}) {
			if !strings.HasPrefix(name, string(kind)+" ") || !strings.Contains(name, at.String()) {
				t.Errorf("%s: its name in events is %q, want the kind and what is checked", kind, name)
			}
		}
	}
}

// checkKinds reads the constants of type CheckKind from the source of package conf.
func checkKinds(t *testing.T, dir string) map[string]conf.CheckKind {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]conf.CheckKind)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			typ, ok := spec.Type.(*ast.Ident)
			value, isText := spec.Values[0].(*ast.BasicLit)
			if ok && isText && typ.Name == "CheckKind" {
				kind, err := strconv.Unquote(value.Value)
				if err != nil {
					t.Fatal(err)
				}
				kinds[spec.Names[0].Name] = conf.CheckKind(kind)
			}
			return true
		})
	}
	return kinds
}

// text is the content of all files that a pattern matches.
func text(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	var all strings.Builder
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}
