DROP TABLE agent_turns, agents;
