package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// stream is what "go test -json" prints of three packages.
const stream = `{"Action":"start","Package":"MODULE/conf"}
{"Action":"run","Package":"MODULE/conf","Test":"TestGood"}
{"Action":"output","Package":"MODULE/conf","Test":"TestGood","Output":"    conf_test.go:7: not for the reader\n"}
{"Action":"pass","Package":"MODULE/conf","Test":"TestGood","Elapsed":0.5}
{"Action":"output","Package":"MODULE/conf","Test":"TestBad/one","Output":"    conf_test.go:9: what is wrong\n"}
{"Action":"fail","Package":"MODULE/conf","Test":"TestBad/one","Elapsed":1}
{"Action":"output","Package":"MODULE/conf","Test":"TestBad","Output":"--- FAIL: TestBad (1.00s)\n"}
{"Action":"fail","Package":"MODULE/conf","Test":"TestBad","Elapsed":1}
{"Action":"output","Package":"MODULE/conf","Test":"TestLeft","Output":"    conf_test.go:11: SKIP: no gcc\n"}
{"Action":"output","Package":"MODULE/conf","Test":"TestLeft","Output":"--- SKIP: TestLeft (0.00s)\n"}
{"Action":"skip","Package":"MODULE/conf","Test":"TestLeft","Elapsed":0}
{"Action":"output","Package":"MODULE/conf","Output":"FAIL\tMODULE/conf\t1.5s\n"}
{"Action":"fail","Package":"MODULE/conf","Elapsed":1.5}
# a message of go
{"Action":"output","Package":"MODULE/vrrp","Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"MODULE/vrrp","Elapsed":600}
`

// TestRead: the output of failed tests is printed and that of passed tests is
// not; the reason of a skip and a test that ended its package are found.
func TestRead(t *testing.T) {
	r := newResult("unit", false)
	var out strings.Builder
	r.read(strings.NewReader(strings.ReplaceAll(stream, "MODULE", module)), &out)
	for _, want := range []string{"what is wrong", "--- FAIL: TestBad", "a message of go", "test timed out"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "not for the reader") {
		t.Errorf("the output has what a test said that passed:\n%s", out.String())
	}
	if r.passed != 1 || len(r.failed) != 3 || len(r.skipped) != 1 || r.skipped[0].reason != "no gcc" {
		t.Errorf("passed %d, failed %v, skipped %v", r.passed, r.failed, r.skipped)
	}
	if said := r.failed[0].said; len(said) != 1 || said[0] != "conf_test.go:9: what is wrong" {
		t.Errorf("of %s the report has %q", r.failed[0].test, said)
	}
}

// TestReport: the end of the output names the failed tests, and a skip that is
// not listed is a failure in continuous integration only.
func TestReport(t *testing.T) {
	list, err := readSkipList("# comment\nlong conf TestListed* takes an hour\n")
	if err != nil {
		t.Fatal(err)
	}
	skipped := func(test string) *result {
		r := newResult("unit", false)
		r.skipped = []ended{{pkg: "conf", test: test, reason: "because"}}
		return r
	}
	failed := newResult("lab", true)
	failed.failed = []ended{{pkg: "integration", test: "TestDR", said: []string{"dr_test.go:3: no answer"}},
		{pkg: "integration", test: "TestDR/v3"}}
	late := newResult("native", true)
	late.failure = "not run: the limit of 1h15m0s is over"
	for _, c := range []struct {
		name    string
		results []*result
		ci      bool
		status  int
		want    []string
	}{
		{"well", []*result{newResult("unit", false)}, true, 0, []string{"PASSED"}},
		{"a listed skip", []*result{skipped("TestListed/one")}, true, 0, []string{"conf TestListed/one: because"}},
		{"a skip", []*result{skipped("TestOther")}, false, 0, []string{"conf TestOther: because  NOT LISTED"}},
		{"a skip in CI", []*result{skipped("TestOther")}, true, 1, []string{"FAILED", "1 tests were skipped"}},
		{"a failure, and a suite after it", []*result{failed, late}, false, 1,
			[]string{"lab: integration TestDR (", "integration TestDR:\n    dr_test.go:3: no answer\n",
				"native: not run: the limit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if got := report(&out, c.results, list, c.ci); got != c.status {
				t.Errorf("exit status %d, want %d", got, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the report lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}

// TestEndsAtItsLimit: a suite that hangs is ended, and those after it are
// reported as not run.
func TestEndsAtItsLimit(t *testing.T) {
	list, err := readSkipList(skipList)
	if err != nil {
		t.Fatal(err)
	}
	hangs := suite{name: "hangs", command: func(form, []allowed) ([]string, []string, error) {
		return []string{"sh", "-c", "sleep 60 & wait"}, nil, nil
	}}
	ctx := t.Context()
	begun := time.Now()
	ctx, cancel := withLimit(ctx, 300*time.Millisecond)
	defer cancel()
	for _, want := range []string{"the limit of 300ms is over", "not run: the limit of 300ms is over"} {
		if r := hangs.run(ctx, list, t.TempDir()+"/log", false); r.failure != want {
			t.Errorf("the suite failed with %q, want %q", r.failure, want)
		}
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestQuickForm: the quick form leaves out what the list gives to .ci/run, and
// says so; the other forms leave nothing out.
func TestQuickForm(t *testing.T) {
	list, err := readSkipList("ci integration TestSlow a minute\nci integration/native TestOther a minute\n")
	if err != nil {
		t.Fatal(err)
	}
	for f, want := range map[form]bool{quick: true, short: false, long: false} {
		chosen, err := choose([]string{"lab"}, f)
		if err != nil {
			t.Fatal(err)
		}
		argv, _, err := chosen[0].command(chosen[0].form, list)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(argv, "-skip=^(TestSlow)$"); got != want {
			t.Errorf("%v: %q leaves TestSlow out: %t, want %t", f, argv, got, want)
		}
	}
	r := newResult("lab", true)
	r.without = leftOut(quick, list, "integration")
	var out strings.Builder
	report(&out, []*result{r}, list, false)
	if !strings.Contains(out.String(), "Left out of lab") || !strings.Contains(out.String(), "TestSlow") {
		t.Errorf("the report does not name what was left out:\n%s", out.String())
	}
}

// TestLeftOutTestsExist: a row for a test that was renamed leaves nothing out, and
// one whose name another package has too leaves out both.
func TestLeftOutTestsExist(t *testing.T) {
	list, err := readSkipList(skipList)
	if err != nil {
		t.Fatal(err)
	}
	packages := testsByName(t)
	for _, a := range list {
		if a.kind != notQuick {
			continue
		}
		in := slices.DeleteFunc(slices.Clone(packages[a.test]), func(pkg string) bool {
			return pkg != a.pkg && ownSuite(pkg) || ownSuite(a.pkg) && pkg != a.pkg
		})
		if len(in) != 1 || in[0] != a.pkg {
			t.Errorf("skips.txt leaves out %s of %s; it is in %q", a.test, a.pkg, in)
		}
	}
}

// testsByName are the packages that have a test of a name.
func testsByName(t *testing.T) map[string][]string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	byName := map[string][]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		for _, match := range declared.FindAllSubmatch(text, -1) {
			byName[string(match[1])] = append(byName[string(match[1])], filepath.ToSlash(pkg))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return byName
}
