package conf_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
)

var update = flag.Bool("update", false, "write the golden files and documents anew")

// golden compares got with the file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale; go generate ./conf writes it anew (-file +now):\n%s", path, diff)
	}
}

func TestKeywordsDocument(t *testing.T) {
	var b bytes.Buffer
	if err := conf.WriteKeywords(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "../docs/keywords.md", b.Bytes())
}
