package floors

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	root   = "../.."
	module = "github.com/lvs-director/director/"
)

// source is one Go file that is not a test.
type source struct {
	path  string // in the repository
	file  *ast.File
	lines int
}

// readSources reads the Go files of the repository, by package. Files that only
// some systems build are read like the others.
func readSources(t *testing.T) map[string][]source {
	t.Helper()
	packages := map[string][]source{}
	eachGoFile(t, func(name string, text []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		packages[dir] = append(packages[dir], source{name, file, strings.Count(string(text), "\n")})
	})
	if len(packages) < 20 {
		t.Fatalf("found %d packages: is %s the repository?", len(packages), root)
	}
	return packages
}

// eachGoFile calls f for each Go file of the module.
func eachGoFile(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if base := path.Base(rel); rel != "." && (base[0] == '.' || base == "testdata" || rel == "tools" ||
				rel == "integration/logs") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err == nil {
			f(rel, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// imports lists the import paths of a package; those of this repository without
// the module's name.
func imports(files []source) (own, others []string) {
	for _, s := range files {
		for _, spec := range s.file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if rel, ok := strings.CutPrefix(name, module); ok {
				own = append(own, rel)
			} else {
				others = append(others, name)
			}
		}
	}
	slices.Sort(own)
	slices.Sort(others)
	return slices.Compact(own), slices.Compact(others)
}

// below reports whether name is the folder or in it.
func below(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func anyBelow(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return below(name, folder) })
}

// roomOf is the room of a package.
func roomOf(name string) (found room, ok bool) {
	for _, r := range rooms {
		if below(name, r.name) && len(r.name) > len(found.name) {
			found, ok = r, true
		}
	}
	return found, ok
}

func (r room) may(other room) bool { return r.name == other.name || other.floor < r.floor }

// TestFloors: imports go down, and rooms of one floor do not know each other.
func TestFloors(t *testing.T) {
	packages := readSources(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		from, ok := roomOf(name)
		if !ok {
			t.Errorf("package %s is in no room: give it a row in table_test.go", name)
			continue
		}
		own, _ := imports(packages[name])
		for _, imported := range own {
			to, ok := roomOf(imported)
			if ok && below(imported, "integration") && !below(name, "integration") {
				t.Errorf("%s imports %s: the lab is no part of the program", name, imported)
			} else if ok && !from.may(to) {
				t.Errorf("%s (%s, floor %d) must not import %s (%s, floor %d)", name, from.name, from.floor,
					imported, to.name, to.floor)
			}
		}
	}
}

// TestPurePackages: rules have no clock, file, socket, log or goroutine.
func TestPurePackages(t *testing.T) {
	packages := readSources(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if !slices.Contains(pure, name) {
			continue
		}
		own, others := imports(packages[name])
		for _, imported := range own {
			if !slices.Contains(pure, imported) && !slices.Contains(known, imported) {
				t.Errorf("%s is pure and imports %s, which is not", name, imported)
			}
		}
		for _, imported := range others {
			if anyBelow(imported, impure) && !slices.Contains(data, imported) {
				t.Errorf("%s is pure and imports %s", name, imported)
			}
		}
		for _, s := range packages[name] {
			ast.Inspect(s.file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s is pure and starts a goroutine", s.path)
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
						t.Errorf("%s is pure and calls time.%s", s.path, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestNever: what must not come along does not come along through others.
func TestNever(t *testing.T) {
	packages := readSources(t)
	for _, rule := range never {
		for _, name := range slices.Sorted(maps.Keys(packages)) {
			if !below(name, rule.from) {
				continue
			}
			if way := wayTo(packages, name, rule.to, map[string]bool{}); way != nil {
				t.Errorf("%s: %s", strings.Join(way, " imports "), rule.why)
			}
		}
	}
}

// wayTo is how a package comes to import something in a folder.
func wayTo(packages map[string][]source, name, folder string, seen map[string]bool) []string {
	seen[name] = true
	own, _ := imports(packages[name])
	for _, imported := range own {
		if below(imported, folder) {
			return []string{name, imported}
		}
		if seen[imported] {
			continue
		}
		if way := wayTo(packages, imported, folder, seen); way != nil {
			return append([]string{name}, way...)
		}
	}
	return nil
}

// TestSizes: a package is a room one can find one's way in.
func TestSizes(t *testing.T) {
	command := 0
	for name, files := range readSources(t) {
		limit := max(maxFiles, crowded[name])
		if len(files) > limit {
			t.Errorf("package %s has %d files that are not tests, more than %d", name, len(files), limit)
		}
		if crowded[name] > 0 && len(files) <= maxFiles {
			t.Logf("package %s has %d files: strike it from crowded in table_test.go", name, len(files))
		}
		if name == "cmd/director" {
			for _, s := range files {
				command += s.lines
			}
		}
	}
	if commandIsSmall && command >= maxCommand {
		t.Errorf("cmd/director has %d lines that are not tests, not under %d", command, maxCommand)
	}
}

// TestLines: a line can be read without scrolling sideways. Raw strings, and
// with them the tags of fields, are as long as they have to be.
func TestLines(t *testing.T) {
	if !linesAreShort {
		return
	}
	eachGoFile(t, func(name string, text []byte) {
		raw := rawLines(text)
		for n, line := range strings.Split(string(text), "\n") {
			if columns := utf8.RuneCountInString(line); columns > maxColumns && !raw[n+1] {
				t.Errorf("%s:%d has %d columns, more than %d", name, n+1, columns, maxColumns)
			}
		}
	})
}

// rawLines are the numbers of the lines that have a part of a raw string.
func rawLines(text []byte) map[int]bool {
	raw := map[int]bool{}
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0)
	for {
		at, kind, literal := s.Scan()
		if kind == token.EOF {
			return raw
		}
		if kind == token.STRING && literal[0] == '`' {
			first := file.Line(at)
			for n := range strings.Count(literal, "\n") + 1 {
				raw[first+n] = true
			}
		}
	}
}

var (
	commandRow = regexp.MustCompile("(?m)^\\s+(\\w+)\\s+\\w+Cmd\\s+`cmd:\"\"(.*)`$")
	hiddenRow  = regexp.MustCompile(`hidden:""`)
	quotedPath = regexp.MustCompile("`([a-z.][\\w.-]*(?:/[\\w.-]+)+/?)`|\\]\\(([\\w./-]+)\\)")
)

// TestCommandsAreDocumented: each command that a user may type is in the README.
func TestCommandsAreDocumented(t *testing.T) {
	commands, readme := read(t, "cmd/director/main.go"), read(t, "README.md")
	found := 0
	for _, row := range commandRow.FindAllStringSubmatch(commands, -1) {
		name := strings.ToLower(row[1])
		if hiddenRow.MatchString(row[2]) {
			continue
		}
		found++
		if !regexp.MustCompile(`(?:^|[\s/])director ` + name + `\b`).MatchString(readme) {
			t.Errorf("README.md does not mention the command: director %s", name)
		}
	}
	if found < 10 {
		t.Errorf("found %d commands in cmd/director/main.go", found)
	}
}

// TestPathsInDocuments: a file or folder that a document names is there.
func TestPathsInDocuments(t *testing.T) {
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"} {
		for _, match := range quotedPath.FindAllStringSubmatch(read(t, document), -1) {
			name := match[1] + match[2]
			if match[2] != "" {
				name = path.Join(path.Dir(document), name)
			}
			if strings.HasPrefix(name, "integration/logs") || strings.Contains(name, "github.com") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil && !strings.Contains(name, "bin/") {
				t.Errorf("%s names %s, which is not there", document, name)
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
