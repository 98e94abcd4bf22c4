/** What never belongs in an image (R046), for a .dockerignore; `**` so that it holds in every directory. */
export const dockerignore = `# Files that do not belong in an image. Written by \`fairlead init --dockerfile\`.

# History
.git
**/.gitignore
**/.gitattributes

# Secrets
**/.env
**/.env.*

# Python
**/__pycache__
**/*.py[cod]
**/*$py.class
**/*.so
**/.Python
**/.pytest_cache
**/.coverage
**/htmlcov
venv/
env/
ENV/
**/.venv

# Node
**/node_modules
**/.next

# Editors and systems
.vscode/
.idea/
**/*.swp
**/*.swo
**/.DS_Store
**/Thumbs.db

# Documentation
*.md
docs/

# Building and deploying
Dockerfile
docker-compose.yml
.dockerignore
.fairlead/

# Logs
**/*.log
`;
