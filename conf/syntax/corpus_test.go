package syntax_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// corpus gives the real configurations beside the repository.
func corpus(t *testing.T) []string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "confs")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the collection of real configurations is not here: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	samples, err := filepath.Glob(filepath.Join(dir, "samples", "keepalived.conf*"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, samples...)
	if len(files) < 100 {
		t.Fatalf("only %d files in %s", len(files), dir)
	}
	return files
}

func TestCorpusHasNoError(t *testing.T) {
	for _, file := range corpus(t) {
		tree, findings := syntax.Parse(file, syntax.Options{ConfigID: "test"})
		if len(tree.Nodes) == 0 {
			t.Errorf("%s: no lines", file)
		}
		for _, f := range findings {
			t.Log(f, f.Hint)
			if f.Severity == conf.Error {
				t.Errorf("%v", f)
			}
		}
		checkPositions(t, tree, findings)
	}
}
