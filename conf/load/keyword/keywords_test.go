package keyword_test

import (
	"bytes"
	"testing"

	"github.com/lvs-director/director/conf/internal/golden"
	"github.com/lvs-director/director/conf/load/keyword"
)

func TestKeywordsDocument(t *testing.T) {
	var b bytes.Buffer
	if err := keyword.WriteKeywords(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "../../../docs/keywords.md", b.Bytes())
}
