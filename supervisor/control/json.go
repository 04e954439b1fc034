package control

import (
	"io"

	"github.com/lvs-director/director/supervisor/control/encode"
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
	text, err := encode.Append(nil, &doc, forPeople)
	if err != nil {
		return err
	}
	if !forPeople {
		text = append(text, '\n')
	}
	_, err = w.Write(text)
	return err
}

// Text is a document as Write writes it for programs. room is how many bytes it may take: more are found.
func Text[T any, D document[T]](doc T, room int) ([]byte, error) {
	D(&doc).stamp()
	return encode.Append(make([]byte, 0, room), &doc, false)
}
