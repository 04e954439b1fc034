package control

import "github.com/lvs-director/director/doctor"

// DoctorReport is what director doctor --json prints.
type DoctorReport struct {
	Schema
	File     string           `json:"file"`
	Findings []doctor.Finding `json:"findings"`
}
