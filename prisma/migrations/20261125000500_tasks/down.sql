DROP TABLE task_comments, task_dependencies, tasks;
