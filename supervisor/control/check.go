package control

import (
	"github.com/lvs-director/director/conf"
)

// CheckReport is what director check --json prints.
type CheckReport struct {
	Schema
	File           string    `json:"file"`
	OK             bool      `json:"ok"`
	Instances      int       `json:"instances"`
	VirtualServers int       `json:"virtual_servers"`
	RealServers    int       `json:"real_servers"`
	Findings       []Finding `json:"findings"`
}

// NewCheckReport is the report on a file.
func NewCheckReport(file string, cfg *conf.Config, findings []conf.Finding) CheckReport {
	r := CheckReport{File: file, OK: !conf.HasErrors(findings), Findings: Findings(findings)}
	if cfg != nil {
		r.Instances, r.VirtualServers = len(cfg.Instances), len(cfg.VirtualServers)
		for _, vs := range cfg.VirtualServers {
			r.RealServers += len(vs.RealServers)
		}
	}
	return r
}
