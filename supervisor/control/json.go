package control

import (
	"io"
	"sync/atomic"

	"github.com/lvs-director/director/supervisor/control/text"
)

// SchemaVersion is the version of all JSON that director writes. Fields are only
// added to a version; one that loses its name or meaning makes a new version.
const SchemaVersion = 1

// Schema says which version a document has. Every document embeds it, and Write
// fills it in.
type Schema struct {
	SchemaVersion int `json:"schema_version"`
}

func (s *Schema) stamp() { s.SchemaVersion = SchemaVersion }

// document is a pointer to what embeds Schema.
type document[T any] interface {
	*T
	stamp()
}

// Write writes a document. Lists are never null, however empty. For people it is
// indented.
func Write[T any, D document[T]](w io.Writer, doc T, forPeople bool) error {
	D(&doc).stamp()
	written, err := text.Append(nil, &doc, forPeople)
	if err != nil {
		return err
	}
	if !forPeople {
		written = append(written, '\n')
	}
	_, err = w.Write(written)
	return err
}

// Texts makes documents of one kind as Write writes them for programs, each about as long as the one before.
type Texts[T any, D document[T]] struct{ room atomic.Int64 }

// Of is the text of a document.
func (t *Texts[T, D]) Of(doc T) ([]byte, error) {
	D(&doc).stamp()
	written, err := text.Append(make([]byte, 0, t.room.Load()), &doc, false)
	written = append(written, '\n')
	t.room.Store(int64(len(written) + len(written)/16))
	return written, err
}
