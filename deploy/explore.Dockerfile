# The laboratory, for what many machines share: npm run explore, chaos and mutants. Built in the
# repository's folder: docker build -f deploy/explore.Dockerfile -t raft-laboratory .
FROM node:20-slim
WORKDIR /raft
COPY . .
RUN sh scripts/install.sh && npm cache clean --force
USER node
CMD ["npm", "run", "explore", "--", "--help"]
