package control

import (
	"github.com/lvs-director/director/conf"
)

// Finding is a finding as director check --json and the control socket
// give it: a form that programs can rely on.
type Finding struct {
	Severity string   `json:"severity"` // error, warning or note
	File     string   `json:"file"`
	Line     int32    `json:"line,omitempty"`   // 1-based; absent for the file as a whole
	Column   int32    `json:"column,omitempty"` // 1-based, in bytes
	Chain    []string `json:"chain,omitempty"`  // how the line was reached, the nearest step first
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Keyword  string   `json:"keyword,omitempty"` // that has no effect, or not the one it should have
	Hint     string   `json:"hint,omitempty"`
	Source   string   `json:"source,omitempty"` // the line of the file
	Object   string   `json:"object,omitempty"` // what it is about: "virtual_server 192.0.2.10 80"
	// Unserved says that because of it something configured is not served as configured.
	Unserved bool `json:"unserved,omitempty"`
}

// Findings gives findings that form.
func Findings(findings []conf.Finding) []Finding {
	out := make([]Finding, 0, len(findings))
	for _, f := range findings {
		j := Finding{
			Severity: f.Severity.String(), File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Col,
			Code: f.Code, Keyword: f.Keyword, Message: f.Message, Hint: f.Hint, Source: f.Line,
			Object: f.Object(), Unserved: f.Unserved,
		}
		for _, step := range f.Chain {
			j.Chain = append(j.Chain, step.String())
		}
		out = append(out, j)
	}
	return out
}

// ConfFindings is the way back, for a client that prints what it was told. The
// chain stays behind.
func ConfFindings(findings []Finding) []conf.Finding {
	severities := map[string]conf.Severity{"error": conf.Error, "warning": conf.Warning}
	out := make([]conf.Finding, 0, len(findings))
	for _, f := range findings {
		out = append(out, conf.Finding{
			Severity: severities[f.Severity], Code: f.Code, Keyword: f.Keyword, Message: f.Message, Hint: f.Hint, Line: f.Source,
			Unserved: f.Unserved,
			Pos:      conf.Pos{File: f.File, Line: f.Line, Col: f.Column},
		})
	}
	return out
}

// WorthSaying leaves out the notes: they are for director check.
func WorthSaying(findings []conf.Finding) []conf.Finding {
	var list []conf.Finding
	for _, f := range findings {
		if f.Severity != conf.Note {
			list = append(list, f)
		}
	}
	return list
}
