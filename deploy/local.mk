# Configurations of other programs around the server; make check-beyond and make check-deploy run them as they are.
EXTRA_DIST += %D%/haproxy/echo-server.conf %D%/haproxy/haproxy.cfg %D%/nginx/nginx.conf
EXTRA_DIST += %D%/container/Containerfile %D%/container/README.md %D%/container/collect
EXTRA_DIST += %D%/grafana/README.md %D%/grafana/echo-server.json
EXTRA_DIST += %D%/kubernetes/README.md %D%/kubernetes/kustomization.yaml %D%/kubernetes/deployment.yaml \
	%D%/kubernetes/service.yaml %D%/kubernetes/disruption.yaml %D%/kubernetes/autoscaler.yaml %D%/kubernetes/adapter-rules.yaml \
	%D%/kubernetes/network.yaml %D%/kubernetes/load.yaml %D%/kubernetes/load.sh
EXTRA_DIST += %D%/launch/README.md %D%/launch/load
EXTRA_DIST += %D%/prometheus/README.md %D%/prometheus/prometheus.yml %D%/prometheus/rules.yml %D%/prometheus/rules-test.yml
