module picket.dev/proxy-tool

go 1.22
